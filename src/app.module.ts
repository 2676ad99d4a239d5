import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { Audit } from './audit/audit.js';
import { AuditModule } from './audit/audit.module.js';
import { Ledger } from './audit/ledger.js';
import { HeadSigner } from './audit/head-signer.js';
import type { Config } from './config/config.js';
import { CONFIG } from './config/token.js';
import { KEY_PROVIDER, type KeyProvider } from './crypto/key-provider.js';
import { Keyring } from './crypto/keyring.js';
import { ServiceKeys } from './crypto/service-keys.js';
import { Announcements } from './database/announcements.js';
import { Database } from './database/database.js';
import { SharedLimits } from './database/shared-limits.js';
import { GrantsModule } from './grants/grants.module.js';
import { HealthModule } from './health/health.module.js';
import { HttpModule } from './http/http.module.js';
import { IdentityModule } from './identity/identity.module.js';
import { PersonalModule } from './personal/personal.module.js';
import { SecretsModule } from './secrets/secrets.module.js';
import { TenancyModule } from './tenancy/tenancy.module.js';

/** What a process has made before Nest begins: its settings, its pool (ended with the app) and its key provider. */
export type Parts = Readonly<{ config: Config; dataSource: DataSource; keyProvider: KeyProvider }>;

/** The whole service: the floors below the features as one global module, the features, and what happens to every request. */
@Module({})
export class AppModule {
  static of(parts: Parts): DynamicModule {
    const foundation = foundationOf(parts);
    return {
      module: AppModule,
      global: true,
      imports: [
        DiscoveryModule,
        HttpModule,
        HealthModule,
        IdentityModule,
        TenancyModule,
        GrantsModule,
        SecretsModule,
        PersonalModule,
        AuditModule,
      ],
      providers: foundation,
      exports: [...foundation, DiscoveryModule],
    };
  }
}

function foundationOf({ config, dataSource, keyProvider }: Parts): Provider[] {
  return [
    { provide: CONFIG, useValue: config },
    { provide: DataSource, useValue: dataSource },
    { provide: KEY_PROVIDER, useValue: keyProvider },
    Database,
    Announcements,
    SharedLimits,
    {
      provide: ServiceKeys,
      inject: [Database, KEY_PROVIDER],
      useFactory: (database: Database, provider: KeyProvider) => ServiceKeys.load(database, provider),
    },
    {
      provide: HeadSigner,
      inject: [ServiceKeys],
      useFactory: (keys: ServiceKeys) => new HeadSigner(keys.deriveSigningKey('audit-signing').privateKey),
    },
    Audit,
    Ledger,
    Keyring,
  ];
}
