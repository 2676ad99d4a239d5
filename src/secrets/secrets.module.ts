import { Module } from '@nestjs/common';
import { EnvironmentKeyring } from './environment-keys.js';
import { EnvironmentValuesController } from './environment-values.controller.js';
import { EnvironmentValuesService } from './environment-values.service.js';
import { ExposureController } from './exposure.controller.js';
import { ExposureService } from './exposure.service.js';
import { Retention } from './retention.js';
import { SecretsController } from './secrets.controller.js';
import { SecretsService } from './secrets.service.js';
import { ValuesController } from './values.controller.js';
import { ValuesService } from './values.service.js';

/** The secrets of environments: declared by one, set by another, read by a third. */
@Module({
  controllers: [SecretsController, ValuesController, EnvironmentValuesController, ExposureController],
  providers: [
    SecretsService,
    ValuesService,
    EnvironmentValuesService,
    ExposureService,
    EnvironmentKeyring,
    Retention,
  ],
})
export class SecretsModule {}
