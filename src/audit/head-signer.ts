import { createPublicKey, type KeyObject } from 'node:crypto';
import { isSignedBy, signHead, type Head, type Link } from './hash-chain.js';

/**
 * Signs the last link of a chain in the transaction that wrote it. So somebody who can write to the database, but has no key, cannot lay a
 * chain of their own: the next record would find a head that was not signed here.
 */
export class HeadSigner {
  private readonly publicKeyObject: KeyObject;
  /** SubjectPublicKeyInfo (RFC 8410), DER, base64: what `coffer audit verify` needs. */
  readonly publicKey: string;

  constructor(private readonly privateKey: KeyObject) {
    this.publicKeyObject = createPublicKey(privateKey);
    this.publicKey = this.publicKeyObject.export({ type: 'spki', format: 'der' }).toString('base64');
  }

  sign(last: Link, at: string): Head {
    return { seq: last.seq, hash: last.hash, at, signature: signHead(this.privateKey, last, at) };
  }

  isOurs(head: Head): boolean {
    return isSignedBy(this.publicKeyObject, head);
  }
}
