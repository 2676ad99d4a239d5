import { Injectable } from '@nestjs/common';
import type { AnyAccess } from '../access/access.js';
import type { DataKeys } from '../crypto/data-key.js';
import type { Place } from '../crypto/envelope.js';
import { Keyring } from '../crypto/keyring.js';
import { versionPlace } from '../crypto/places.js';
import type { Plaintext } from '../crypto/plaintext.js';

/** A value and the row that it is for. */
export type NewVersion = Readonly<{ secretId: string; number: number; value: Plaintext }>;

/** What that row holds of it: sealed for exactly this row, and comparable inside the project. */
export type VersionRow = Readonly<{
  secretId: string;
  number: number;
  keyId: string;
  sealed: Buffer;
  fingerprint: Buffer;
}>;

/** The keys of one environment and of its project, for as long as a piece of work lasts. */
export class EnvironmentKeys {
  constructor(
    private readonly orgId: string,
    private readonly environmentId: string,
    private readonly environment: DataKeys,
    private readonly project: DataKeys,
  ) {}

  seal(version: NewVersion): VersionRow {
    return this.rowOf(version, this.environment.seal(this.placeOf(version), version.value));
  }

  /** Each of many, sealed like that. */
  sealAll(versions: readonly NewVersion[]): VersionRow[] {
    const sealed = this.environment.sealAll(versions, (version) => ({
      place: this.placeOf(version),
      value: version.value,
    }));
    return sealed.map(({ one, sealed: bytes }) => this.rowOf(one, bytes));
  }

  open(secretId: string, number: number, sealed: Uint8Array): Plaintext {
    return this.environment.open(this.placeOf({ secretId, number }), sealed);
  }

  private placeOf({ secretId, number }: Pick<NewVersion, 'secretId' | 'number'>): Place {
    return versionPlace({
      orgId: this.orgId,
      environmentId: this.environmentId,
      secretId,
      version: number,
    });
  }

  private rowOf({ secretId, number, value }: NewVersion, sealed: Buffer): VersionRow {
    return {
      secretId,
      number,
      keyId: this.environment.currentId,
      sealed,
      fingerprint: this.project.fingerprint(value),
    };
  }
}

/** Lends those keys. They are unwrapped before the transaction begins: a KMS may be slow. */
@Injectable()
export class EnvironmentKeyring {
  constructor(private readonly keyring: Keyring) {}

  /** Those of the environment that the proof is for. */
  with<T>(access: AnyAccess, work: (keys: EnvironmentKeys) => Promise<T>): Promise<T> {
    return this.of(access, access.environment.id, work);
  }

  /** Those of an environment of the project that the proof is for. */
  of<T>(access: AnyAccess, environmentId: string, work: (keys: EnvironmentKeys) => Promise<T>): Promise<T> {
    const owner = { orgId: access.org.id, projectId: access.project.id };
    return this.keyring.with({ ...owner, environmentId }, (environment) =>
      this.keyring.with({ ...owner, environmentId: null }, (project) =>
        work(new EnvironmentKeys(access.org.id, environmentId, environment, project)),
      ),
    );
  }
}
