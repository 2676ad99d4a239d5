import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsString } from 'class-validator';
import { emailProblem } from '../../access/email-address.js';
import { MayBeLeftOut, TextRule } from '../../access/text-rules.js';
import { usernameProblem } from './names.js';
import { LEAST_CHARACTERS, MOST_CHARACTERS, NewPassword } from './password-rules.js';

const PASSWORD = { format: 'password', minLength: LEAST_CHARACTERS, maxLength: MOST_CHARACTERS };

export class SignUpBody {
  @ApiProperty({ format: 'email', example: 'maria@example.com' })
  @TextRule('email', emailProblem)
  email!: string;

  @ApiProperty({ example: 'maria', pattern: '^[a-z0-9](?:[a-z0-9-]{0,37}[a-z0-9])?$' })
  @TextRule('username', usernameProblem)
  username!: string;

  @ApiProperty({ ...PASSWORD, description: 'Not one of the most common ones.' })
  @NewPassword()
  password!: string;

  @ApiPropertyOptional({
    example: 'cofi_…',
    description:
      'The token of an invitation, which is accepted with this. Needed where the server takes new accounts by invitation only.',
  })
  @MayBeLeftOut()
  @IsString()
  invitation?: string;
}

export class PasswordBody {
  @ApiProperty({ format: 'password' })
  @IsString()
  current!: string;

  @ApiProperty({ ...PASSWORD, description: 'Not one of the most common ones.' })
  @NewPassword()
  new!: string;
}
