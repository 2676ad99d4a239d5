import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ValidateBy } from 'class-validator';
import { MayBeLeftOut, TextRule } from '../access/text-rules.js';

const LONGEST_USER = 320;

/** A scope inside the organisation of the URL. The guard has resolved it already: only its form is left to check. */
export class ScopeFields {
  @ApiPropertyOptional({ description: 'Only in this project.', example: 'web' })
  @MayBeLeftOut()
  @TextRule('project', emptyProblem)
  project?: string;

  @ApiPropertyOptional({ description: 'Only in this environment of the project.', example: 'prod' })
  @MayBeLeftOut()
  @TextRule('environment', emptyProblem)
  @NeedsProject()
  environment?: string;
}

/** A role in a scope: what is given to somebody. */
export class GivenRole extends ScopeFields {
  @ApiProperty({ description: 'A built-in role, or one of the organisation’s own.', example: 'member' })
  @TextRule('role', emptyProblem)
  role!: string;
}

export class GrantBody extends GivenRole {
  @ApiProperty({ description: 'Username or e-mail address.', example: 'maria' })
  @TextRule('user', (text) =>
    text === '' || text.length > LONGEST_USER ? 'must be a username or an e-mail address' : null,
  )
  user!: string;
}

function emptyProblem(text: string): string | null {
  return text === '' ? 'must not be empty: leave it out, or name one' : null;
}

function NeedsProject(): PropertyDecorator {
  return ValidateBy({
    name: 'needsProject',
    validator: {
      validate: (_: unknown, found) =>
        found?.object instanceof ScopeFields && found.object.project !== undefined,
      defaultMessage: () => 'needs project: an environment belongs to one',
    },
  });
}
