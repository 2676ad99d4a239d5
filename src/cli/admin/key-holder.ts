/** Whoever has data keys that are rotated: an environment or a user. A project's own key stays, because fingerprints hang on it. */
export type KeyHolder = Readonly<{
  /** When the present key was made. */
  presentSince: Date;
  /** When the first of those was retired that are still there; null when there is none. */
  firstRetired: Date | null;
  /** Gives new values a new key. False when the holder is gone. */
  renew(at: Date): Promise<boolean>;
  /** Seals anew what older keys sealed, then destroys those. Tells how many values as it goes. Throws `NotFound` when the holder is gone. */
  finish(tell: (resealed: number) => void): Promise<Finished>;
}>;

/** How many values were sealed anew, and how many keys are gone. */
export type Finished = Readonly<{ resealed: number; destroyed: number }>;
