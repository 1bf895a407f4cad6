"""The Hydra tree: mount it with `hydra.searchpath: [pkg://jaxarc.conf]` and the default `jaxarc@anywhere`."""
