import { Module } from '@nestjs/common';
import { ChangesController } from './changes.controller.js';
import { ChangesService } from './changes.service.js';
import { ComparisonController } from './comparison.controller.js';
import { DiffService } from './diff.service.js';
import { EnvironmentKeyring } from './environment-keys.js';
import { EnvironmentValuesController } from './environment-values.controller.js';
import { EnvironmentValuesService } from './environment-values.service.js';
import { ExposureController } from './exposure.controller.js';
import { ExposureService } from './exposure.service.js';
import { EventsController } from './events.controller.js';
import { EventsService } from './events.service.js';
import { Idempotency } from './idempotency.js';
import { PromoteService } from './promote.service.js';
import { ReadMemory } from './read-memory.js';
import { Retention } from './retention.js';
import { SecretsController } from './secrets.controller.js';
import { SecretsService } from './secrets.service.js';
import { ValuesController } from './values.controller.js';
import { ValuesService } from './values.service.js';

/** The secrets of environments: declared by one, set by another, read by a third. */
@Module({
  controllers: [
    SecretsController,
    ValuesController,
    EnvironmentValuesController,
    ChangesController,
    ComparisonController,
    EventsController,
    ExposureController,
  ],
  providers: [
    SecretsService,
    ValuesService,
    EnvironmentValuesService,
    ChangesService,
    Idempotency,
    DiffService,
    PromoteService,
    EventsService,
    ExposureService,
    EnvironmentKeyring,
    ReadMemory,
    Retention,
  ],
  exports: [ReadMemory],
})
export class SecretsModule {}
