import { isLively } from './environment.js';
import { write } from './terminal.js';

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;

/** Shows, to people, that something is going on: a wheel, what it is about, and how far it is when that is known. */
export async function withProgress<T>(
  about: string,
  work: (tell: (state: string) => void) => Promise<T>,
): Promise<T> {
  if (!isLively()) return work(() => undefined);
  let state = '';
  let frame = 0;
  const timer = setInterval(() => {
    frame = (frame + 1) % FRAMES.length;
    write(`\r\x1b[K${FRAMES[frame] ?? ''} ${about}${state === '' ? '' : ` ${state}`}`);
  }, FRAME_MS);
  try {
    return await work((next) => {
      state = next;
    });
  } finally {
    clearInterval(timer);
    write('\r\x1b[K');
  }
}
