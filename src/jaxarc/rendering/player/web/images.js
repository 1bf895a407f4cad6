// Pictures that are files, PNG or JPEG: decoded by the browser when they come up, a few of them kept.

const DECODED_AT_MOST = 48, DECODED_AHEAD = 3;

class ImagesPicture {
  constructor(leaf) {
    this.leaf = leaf;
    this.canvas = make("canvas", "pixels");
    this.canvas.setAttribute("role", "img");
    this.canvas.width = leaf.columns;
    this.canvas.height = leaf.rows;
    this.missing = make("p", "missing", "not recorded");
    this.missing.hidden = true;
    this.element = make("div", "picture", "", [this.canvas, this.missing]);
    this.context = this.canvas.getContext("2d");
    this.wanted = -1;
    if (!leaf.decoded) leaf.decoded = new Map(); // both panels show the same files
  }

  resize(width, height) {
    const { leaf } = this;
    const scale = Math.min(width / leaf.columns, height / leaf.rows, 2);
    this.canvas.style.width = `${Math.round(leaf.columns * scale)}px`;
    this.canvas.style.height = `${Math.round(leaf.rows * scale)}px`;
  }

  decoded(file) {
    const { decoded, files } = this.leaf;
    let bitmap = decoded.get(file);
    if (bitmap) decoded.delete(file); // so that it is the newest
    else bitmap = createImageBitmap(new Blob([files[file]]));
    decoded.set(file, bitmap);
    if (decoded.size > DECODED_AT_MOST) decoded.delete(decoded.keys().next().value);
    return bitmap;
  }

  async draw(frame) {
    const { leaf } = this;
    this.missing.hidden = frame >= 0;
    this.canvas.classList.toggle("faded", frame < 0);
    const file = frame < 0 ? -1 : leaf.numbers[frame];
    if (file === this.wanted || file < 0) return;
    this.wanted = file;
    const bitmap = await this.decoded(file);
    if (file !== this.wanted) return; // the cursor went on meanwhile
    const scale = Math.min(leaf.columns / bitmap.width, leaf.rows / bitmap.height);
    this.context.clearRect(0, 0, leaf.columns, leaf.rows);
    this.context.drawImage(bitmap, 0, 0, bitmap.width * scale, bitmap.height * scale);
    for (let next = frame + 1; next <= frame + DECODED_AHEAD && next < leaf.frames; next++) this.decoded(leaf.numbers[next]);
  }
}
