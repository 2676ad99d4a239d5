import { Module } from '@nestjs/common';

/** Who was given what: grants, members, roles. */
@Module({})
export class GrantsModule {}
