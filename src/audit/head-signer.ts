import { createPublicKey, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { isSignedBy, signHead, type Head, type Link } from './hash-chain.js';

/**
 * Signs the last link of a chain in the transaction that wrote it. So somebody who can write to the database, but has no key, cannot lay a
 * chain of their own: the next record would find a head that was not signed here.
 */
export class HeadSigner {
  /** The heads that were signed or verified last, by what they say: checking a signature costs more than anything else about a record. */
  private readonly ours = new LRUCache<string, string>({ max: 10_000 });
  private readonly publicKeyObject: KeyObject;
  /** SubjectPublicKeyInfo (RFC 8410), DER, base64: what `coffer audit verify` needs. */
  readonly publicKey: string;

  constructor(private readonly privateKey: KeyObject) {
    this.publicKeyObject = createPublicKey(privateKey);
    this.publicKey = this.publicKeyObject.export({ type: 'spki', format: 'der' }).toString('base64');
  }

  sign(last: Link, at: string): Head {
    const head = { seq: last.seq, hash: last.hash, at, signature: signHead(this.privateKey, last, at) };
    this.ours.set(head.signature, saidBy(head));
    return head;
  }

  isOurs(head: Head): boolean {
    if (this.ours.get(head.signature) === saidBy(head)) return true;
    const isOurs = isSignedBy(this.publicKeyObject, head);
    if (isOurs) this.ours.set(head.signature, saidBy(head));
    return isOurs;
  }
}

function saidBy({ seq, hash, at }: Head): string {
  return `${String(seq)}/${hash}/${at}`;
}
