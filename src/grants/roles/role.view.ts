import { ApiProperty } from '@nestjs/swagger';
import { isPermission, PERMISSIONS, type Permission } from '../../access/permissions.js';

export type RoleRow = Readonly<{ name: string; permissions: string[] }>;

/** A role that an organisation has made. */
export class RoleView {
  @ApiProperty({ example: 'setter' })
  name!: string;

  @ApiProperty({ enum: PERMISSIONS, isArray: true, example: ['secrets:read', 'secrets:set-value'] })
  permissions!: Permission[];

  static of(row: RoleRow): RoleView {
    return { name: row.name, permissions: row.permissions.filter(isPermission) };
  }
}
