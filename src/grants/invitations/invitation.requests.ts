import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString } from 'class-validator';
import { emailProblem } from '../../access/email-address.js';
import { InTheFuture } from '../../access/moment.js';
import { MayBeLeftOut, TextRule } from '../../access/text-rules.js';
import { GivenRole } from '../grant.requests.js';
import { DAYS_OPEN } from './invitation-rows.js';

export class InvitationBody extends GivenRole {
  @ApiPropertyOptional({
    format: 'email',
    example: 'maria@example.com',
    description: 'Only the account with this e-mail address can accept; left out: whoever has the token.',
  })
  @MayBeLeftOut()
  @TextRule('email', emailProblem)
  email?: string;

  @ApiPropertyOptional({
    format: 'date-time',
    description: `When it ends; left out: after ${String(DAYS_OPEN)} days.`,
  })
  @MayBeLeftOut()
  @InTheFuture()
  expiresAt?: string;
}

export class AcceptanceBody {
  @ApiProperty({ description: 'The invitation’s token.', example: 'cofi_…' })
  @IsString()
  token!: string;
}
