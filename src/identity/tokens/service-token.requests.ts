import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { MayBeLeftOut, TextRule } from '../../access/text-rules.js';
import { AddressRanges } from './allowed-ips.js';
import { TokenFields } from './token-fields.js';

export class ServiceTokenBody extends TokenFields {
  @ApiProperty({ description: 'A built-in role, or one of the organisation’s own.', example: 'consumer' })
  @TextRule('role', emptyProblem)
  role!: string;

  @ApiPropertyOptional({
    description: 'Only in this environment; left out: the whole project.',
    example: 'prod',
  })
  @MayBeLeftOut()
  @TextRule('environment', emptyProblem)
  envName?: string;

  @ApiPropertyOptional({
    type: [String],
    minItems: 1,
    maxItems: 100,
    description: 'From where it may be used: addresses, or ranges in CIDR form; left out: from anywhere.',
    example: ['203.0.113.0/24'],
  })
  @MayBeLeftOut()
  @AddressRanges()
  allowedIps?: string[];
}

function emptyProblem(text: string): string | null {
  return text === '' ? 'must not be empty' : null;
}
