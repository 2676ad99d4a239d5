import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { placeOf, type InvitationRow } from './invitation-rows.js';

export class InviterView {
  @ApiProperty({ enum: ['user', 'service-token'] })
  type!: string;

  @ApiProperty({ example: 'olivia' })
  name!: string;
}

/** What somebody was offered and has not taken yet, without the token. */
export class InvitationView {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ example: 'member' })
  role!: string;

  @ApiPropertyOptional({ description: 'Left out: the whole organisation.', example: 'web' })
  project?: string;

  @ApiPropertyOptional({ description: 'Left out: the whole project.', example: 'prod' })
  environment?: string;

  @ApiPropertyOptional({
    format: 'email',
    description: 'Who alone can accept it. Left out: whoever has the token.',
  })
  email?: string;

  @ApiProperty({ format: 'date-time' })
  expiresAt!: string;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  @ApiProperty({ description: 'Whose right is looked at once more when somebody accepts.' })
  createdBy!: InviterView;

  static of(row: InvitationRow): InvitationView {
    return {
      id: row.id,
      role: row.role,
      ...placeOf(row),
      ...(row.email === null ? {} : { email: row.email }),
      expiresAt: row.expires_at.toISOString(),
      createdAt: row.created_at.toISOString(),
      createdBy: { type: row.created_by_type, name: row.created_by_name },
    };
  }
}

/** The one answer that shows the token. */
export class NewInvitationView extends InvitationView {
  @ApiProperty({ description: 'Shown this once: only its hash is kept.', example: 'cofi_…' })
  token!: string;

  static with(row: InvitationRow, token: string): NewInvitationView {
    return { ...InvitationView.of(row), token };
  }
}

/** What whoever accepted has from now on. */
export class AcceptedView {
  @ApiProperty({ example: 'acme' })
  org!: string;

  @ApiProperty({ example: 'member' })
  role!: string;

  @ApiPropertyOptional({ description: 'Left out: the whole organisation.', example: 'web' })
  project?: string;

  @ApiPropertyOptional({ description: 'Left out: the whole project.', example: 'prod' })
  environment?: string;

  static of(row: InvitationRow): AcceptedView {
    return { org: row.org, role: row.role, ...placeOf(row) };
  }
}
