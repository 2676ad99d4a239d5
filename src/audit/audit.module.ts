import { Module } from '@nestjs/common';
import { Trail } from './trail.js';
import { TrailController } from './trail.controller.js';

/** The routes of the audit trails. What writes them is in the global foundation, since every feature needs it. */
@Module({ controllers: [TrailController], providers: [Trail] })
export class AuditModule {}
