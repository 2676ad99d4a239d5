import type { DataKeys } from '../crypto/data-key.js';
import type { Place } from '../crypto/envelope.js';
import { Plaintext } from '../crypto/plaintext.js';
import { maskOf } from './mask.js';

/** Which value of which secret of which user: nothing sealed for one of them opens as another. */
export type ValuePlace = Readonly<{ userId: string; secretId: string; version: number }>;

export type SealedValue = Readonly<{ keyId: string; value: Buffer; mask: Buffer; bytes: number }>;

/** What a row holds of a value: the value, and its mask beside it, so that a list need not open the value. */
export function sealed(keys: DataKeys, place: ValuePlace, value: Plaintext): SealedValue {
  return {
    keyId: keys.currentId,
    value: keys.seal(placeOf('personal-value', place), value),
    mask: keys.seal(placeOf('personal-mask', place), new Plaintext(maskOf(value.reveal()))),
    bytes: Buffer.byteLength(value.reveal(), 'utf8'),
  };
}

export function openValue(keys: DataKeys, place: ValuePlace, bytes: Uint8Array): Plaintext {
  return keys.open(placeOf('personal-value', place), bytes);
}

export function openMask(keys: DataKeys, place: ValuePlace, bytes: Uint8Array): Plaintext {
  return keys.open(placeOf('personal-mask', place), bytes);
}

function placeOf(purpose: 'personal-value' | 'personal-mask', place: ValuePlace): Place {
  return { purpose, path: [place.userId, place.secretId, place.version] };
}
