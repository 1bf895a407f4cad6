"""The player: episodes as one HTML file that plays them."""

from jaxarc.rendering.player.page import player_page

__all__ = ["player_page"]
