import { Module } from '@nestjs/common';

/** The routes of the audit trail. What writes it is in the global foundation, since every feature needs it. */
@Module({})
export class AuditModule {}
