import type { DataKeys } from '../crypto/data-key.js';
import { personalMaskPlace, personalValuePlace, type PersonalPlace } from '../crypto/places.js';
import { Plaintext } from '../crypto/plaintext.js';
import { maskOf } from './mask.js';

/** Nothing sealed for one of them opens as another. */
export type ValuePlace = PersonalPlace;

export type SealedValue = Readonly<{ keyId: string; value: Buffer; mask: Buffer; bytes: number }>;

/** What a row holds of a value: the value, and its mask beside it, so that a list need not open the value. */
export function sealed(keys: DataKeys, place: ValuePlace, value: Plaintext): SealedValue {
  return {
    keyId: keys.currentId,
    value: keys.seal(personalValuePlace(place), value),
    mask: keys.seal(personalMaskPlace(place), new Plaintext(maskOf(value.reveal()))),
    bytes: Buffer.byteLength(value.reveal(), 'utf8'),
  };
}

export function openValue(keys: DataKeys, place: ValuePlace, bytes: Uint8Array): Plaintext {
  return keys.open(personalValuePlace(place), bytes);
}

export function openMask(keys: DataKeys, place: ValuePlace, bytes: Uint8Array): Plaintext {
  return keys.open(personalMaskPlace(place), bytes);
}
