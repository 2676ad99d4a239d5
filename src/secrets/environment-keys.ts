import { Injectable } from '@nestjs/common';
import type { AnyAccess } from '../access/access.js';
import type { DataKeys } from '../crypto/data-key.js';
import type { Place } from '../crypto/envelope.js';
import { Keyring } from '../crypto/keyring.js';
import { versionPlace } from '../crypto/places.js';
import type { Plaintext } from '../crypto/plaintext.js';

/** The keys of one environment and of its project, for as long as a piece of work lasts. */
export class EnvironmentKeys {
  constructor(
    private readonly orgId: string,
    private readonly environmentId: string,
    private readonly environment: DataKeys,
    private readonly project: DataKeys,
  ) {}

  /** What a version's row holds of a value: sealed for exactly this row, and comparable inside the project. */
  seal(
    secretId: string,
    version: number,
    value: Plaintext,
  ): { keyId: string; sealed: Buffer; fingerprint: Buffer } {
    return {
      keyId: this.environment.currentId,
      sealed: this.environment.seal(this.place(secretId, version), value),
      fingerprint: this.project.fingerprint(value),
    };
  }

  open(secretId: string, version: number, sealed: Uint8Array): Plaintext {
    return this.environment.open(this.place(secretId, version), sealed);
  }

  private place(secretId: string, version: number): Place {
    return versionPlace({ orgId: this.orgId, environmentId: this.environmentId, secretId, version });
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
