import { connect } from 'node:net';

/** Sends bytes as they are, as no well-behaved client would, and returns the whole answer when the server closes or falls silent. */
export function rawRequest(url: string, bytes: string, silenceMs = 1_000): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname);
    socket.setTimeout(silenceMs, () => socket.destroy());
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('close', () => {
      resolve(answer);
    });
    socket.on('error', (error) => {
      if (answer === '') reject(error);
    });
    socket.write(bytes);
  });
}
