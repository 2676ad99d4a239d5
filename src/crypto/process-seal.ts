import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto';
import { KEY_BYTES, SealBroken } from './envelope.js';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Seals what a process keeps in its own memory: AES-256-GCM under a key that it makes for itself, never writes, and forgets with its end.
 * `place` is bound into what is sealed: kept in another place it does not open. Sealed bytes are the nonce, the ciphertext and the tag.
 */
export class ProcessSeal {
  private readonly key = createSecretKey(randomBytes(KEY_BYTES));

  seal(place: string, content: Uint8Array): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(place, 'utf8'));
    return Buffer.concat([nonce, cipher.update(content), cipher.final(), cipher.getAuthTag()]);
  }

  /** Opens what `seal` made, or throws `SealBroken`. */
  open(place: string, sealed: Buffer): Buffer {
    const decipher = createDecipheriv('aes-256-gcm', this.key, sealed.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(place, 'utf8'));
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
    const content = decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES));
    try {
      decipher.final();
    } catch {
      throw new SealBroken('what this process had sealed was altered in its memory');
    }
    // GCM has no padding: everything came with the update.
    return content;
  }
}
