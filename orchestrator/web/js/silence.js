/** Tells when nothing has been heard of a job for a while. */

const QUIET = 8_000; // most steps take far less, and a worker that died is missed after twice as long

export class Silence {
  /** `tell()` is called once in each silence. */
  constructor(tell) {
    this.tell = tell;
  }

  heard() {
    clearTimeout(this.timer);
    this.timer = setTimeout(this.tell, QUIET);
  }

  over() {
    clearTimeout(this.timer);
  }
}
