import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ValidateBy } from 'class-validator';
import { isBuiltInRole, isPermission, PERMISSIONS, type Permission } from '../../access/permissions.js';
import { ENVIRONMENT_NAME, environmentNameProblem } from '../../access/slug.js';
import { MayBeLeftOut, TextRule } from '../../access/text-rules.js';

const PERMISSION_LIST = {
  enum: PERMISSIONS,
  isArray: true,
  minItems: 1,
  uniqueItems: true,
  example: ['secrets:read', 'secrets:set-value'],
};

export class RoleBody {
  @ApiProperty({
    pattern: ENVIRONMENT_NAME.source,
    example: 'setter',
    description: 'Not that of a built-in role. It never changes.',
  })
  @TextRule('roleName', roleNameProblem)
  name!: string;

  @ApiProperty(PERMISSION_LIST)
  @SomePermissions()
  permissions!: Permission[];
}

export class RolePermissionsBody {
  @ApiPropertyOptional({ example: 'setter', description: 'If it is given at all, the one in the path.' })
  @MayBeLeftOut()
  @TextRule('roleName', roleNameProblem)
  name?: string;

  @ApiProperty({ ...PERMISSION_LIST, description: 'All of them: what is not named is held no longer.' })
  @SomePermissions()
  permissions!: Permission[];
}

function roleNameProblem(name: string): string | null {
  if (isBuiltInRole(name)) return 'is a built-in role: choose another name';
  return environmentNameProblem(name);
}

/** The rule for a list of permissions. An empty one is refused: it must never be taken for "all". */
function SomePermissions(): PropertyDecorator {
  return ValidateBy({
    name: 'somePermissions',
    validator: {
      validate: (value: unknown) => permissionsProblem(value) === null,
      defaultMessage: (found) => permissionsProblem(found?.value) ?? '',
    },
  });
}

function permissionsProblem(value: unknown): string | null {
  if (!Array.isArray(value) || value.length === 0) return 'must be a list of at least one permission';
  if (!value.every((entry) => typeof entry === 'string' && isPermission(entry))) {
    return `may name only these permissions: ${PERMISSIONS.join(', ')}`;
  }
  return new Set(value).size < value.length ? 'must name each permission once' : null;
}
