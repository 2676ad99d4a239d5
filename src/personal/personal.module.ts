import { Module } from '@nestjs/common';
import { CoderOwnController } from './coder-own.controller.js';
import { CoderController } from './coder.controller.js';
import { DreadnodeController } from './dreadnode.controller.js';
import { PersonalSecretsService } from './personal-secrets.service.js';

/** What a user keeps for themself alone: one store behind two doors, for the clients of two other services. */
@Module({
  controllers: [CoderOwnController, CoderController, DreadnodeController],
  providers: [PersonalSecretsService],
})
export class PersonalModule {}
