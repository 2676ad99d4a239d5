import { ApiProperty } from '@nestjs/swagger';
import { PERMISSIONS, type Permission } from '../access/permissions.js';
import type { GrantRow } from './grant-rows.js';

export class MemberUserView {
  @ApiProperty({ example: 'maria' })
  username!: string;

  @ApiProperty({ example: 'maria@example.com' })
  email!: string;
}

/** Who holds which role, and where. */
export class GrantView {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty()
  user!: MemberUserView;

  @ApiProperty({ example: 'member' })
  role!: string;

  @ApiProperty({ description: 'Everything at this path and below it.', example: 'acme/web/prod' })
  scope!: string;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  static of(grant: GrantRow, org: string): GrantView {
    const { username, email } = grant;
    return {
      ...MemberGrantView.of(grant, org),
      user: { username, email },
      createdAt: grant.created_at.toISOString(),
    };
  }
}

/** A grant inside of a member, where the user has been said already. */
export class MemberGrantView {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ example: 'member' })
  role!: string;

  @ApiProperty({ example: 'acme/web/prod' })
  scope!: string;

  static of(grant: GrantRow, org: string): MemberGrantView {
    const path = [org, grant.project, grant.environment].filter((part) => part !== null).join('/');
    return { id: grant.id, role: grant.role, scope: path };
  }
}

/** A user with their grants, as far as the reader sees them. */
export class MemberView {
  @ApiProperty()
  user!: MemberUserView;

  @ApiProperty({ type: [MemberGrantView] })
  grants!: MemberGrantView[];
}

/** One thing that the caller may do somewhere, and why. */
export class HeldPermissionView {
  @ApiProperty({ enum: PERMISSIONS })
  permission!: Permission;

  @ApiProperty({
    type: [String],
    description: 'The grants or the token it comes from.',
    example: ['member in acme/web'],
  })
  because!: string[];
}
