import { EXIT, Failure } from './failure.js';
import { isInteractive } from './stdin.js';
import { write } from './terminal.js';

const PASTE_ON = '\x1b[?2004h';
const PASTE_OFF = '\x1b[?2004l';
const PASTE_BEGINS = '\x1b[200~';
const PASTE_ENDS = '\x1b[201~';

const INTERRUPT_EXIT_CODE = 130;

/**
 * Something secret that is typed or pasted, without showing it. Enter ends it; line ends inside a paste belong to it, so
 * that the rest of a pasted key never reaches the shell.
 */
export async function askHidden(question: string): Promise<string> {
  if (!isInteractive()) throw new Failure(EXIT.usage, 'There is no terminal to ask on.');
  const { stdin } = process;
  write(PASTE_ON + question);
  stdin.setRawMode(true);
  try {
    return await typed();
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    write(`${PASTE_OFF}\n`);
  }
}

function typed(): Promise<string> {
  const { stdin } = process;
  const line = new HiddenLine();
  const decoder = new TextDecoder();
  return new Promise((resolve, reject) => {
    const onEnd = (): void => {
      reject(new Failure(EXIT.usage, 'The terminal is gone.'));
    };
    const onData = (chunk: Buffer): void => {
      const result = line.take(decoder.decode(chunk, { stream: true }));
      if (result === null) return;
      stdin.off('data', onData).off('end', onEnd).off('error', onEnd);
      if (result === 'interrupted') {
        stdin.setRawMode(false);
        write(`${PASTE_OFF}\n`);
        process.exit(INTERRUPT_EXIT_CODE);
      }
      resolve(result.text);
    };
    // An earlier question has left it paused.
    stdin.on('data', onData).once('end', onEnd).once('error', onEnd).resume();
  });
}

/** What a terminal in raw mode sends, put together to a line. */
export class HiddenLine {
  #text = '';
  #pending = '';
  #pasting = false;

  /** The line when it is complete, null while it is not. */
  take(input: string): { text: string } | 'interrupted' | null {
    this.#pending += input;
    while (this.#pending !== '') {
      const marker = this.#pasting ? PASTE_ENDS : PASTE_BEGINS;
      // The rest of a marker may come with the next piece.
      if (this.#pending !== marker && marker.startsWith(this.#pending)) return null;
      if (this.#pending.startsWith(marker)) {
        this.#drop(marker);
        this.#pasting = !this.#pasting;
      } else if (this.#pasting) {
        this.#text += this.#drop(/^\r\n?|^./su).replace(/^\r\n?$/, '\n');
      } else {
        const end = this.#key(this.#drop(/^\x1b\[[0-9;?]*[@-~]|^\x1bO.|^./su));
        if (end !== null) return end;
      }
    }
    return null;
  }

  /** Takes a piece off the front. */
  #drop(piece: string | RegExp): string {
    const text = typeof piece === 'string' ? piece : (piece.exec(this.#pending)?.[0] ?? this.#pending);
    this.#pending = this.#pending.slice(text.length);
    return text;
  }

  #key(key: string): { text: string } | 'interrupted' | null {
    if (key === '\r' || key === '\n' || key === '\x04') return { text: this.#text };
    if (key === '\x03') return 'interrupted';
    if (key === '\x7f' || key === '\b') this.#text = [...this.#text].slice(0, -1).join('');
    else if (key === '\x15') this.#text = '';
    else if (key === '\t' || key >= ' ') this.#text += key;
    return null;
  }
}
