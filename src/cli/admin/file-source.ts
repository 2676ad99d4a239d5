import { createReadStream } from 'node:fs';
import { EXIT, Failure, systemReason } from '../failure.js';

const READ_BYTES = 256 * 1024;

/** A file, read in pieces of the sizes that are asked for. */
export class FileSource {
  private readonly pieces: AsyncIterator<Buffer>;
  private have: Buffer[] = [];
  private haveBytes = 0;

  constructor(private readonly file: string) {
    const stream: AsyncIterable<Buffer> = createReadStream(file, { highWaterMark: READ_BYTES });
    this.pieces = stream[Symbol.asyncIterator]();
  }

  /** Null when the file ends before. */
  async take(size: number): Promise<Buffer | null> {
    while (this.haveBytes < size) {
      if (!(await this.readMore())) return null;
    }
    const all =
      this.have.length === 1 && this.have[0] !== undefined ? this.have[0] : Buffer.concat(this.have);
    this.have = [all.subarray(size)];
    this.haveBytes -= size;
    return all.subarray(0, size);
  }

  async isAtEnd(): Promise<boolean> {
    return this.haveBytes === 0 && !(await this.readMore());
  }

  private async readMore(): Promise<boolean> {
    try {
      const next = await this.pieces.next();
      if (next.done === true) return false;
      this.have.push(next.value);
      this.haveBytes += next.value.length;
      return true;
    } catch (error) {
      throw new Failure(EXIT.failed, `The file ${this.file} cannot be read: ${systemReason(error)}.`);
    }
  }
}
