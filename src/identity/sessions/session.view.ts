import { ApiProperty } from '@nestjs/swagger';
import { UserView, type UserRow } from '../users/user.view.js';
import { ACCESS_TOKEN_SECONDS } from './access-tokens.js';

/** A session at its start and after each refresh. */
export class SessionView {
  @ApiProperty({ description: 'For the Authorization header.' })
  accessToken!: string;

  @ApiProperty({ enum: ['Bearer'] })
  tokenType!: 'Bearer';

  @ApiProperty({
    type: 'integer',
    description: 'Seconds until the access token ends.',
    example: ACCESS_TOKEN_SECONDS,
  })
  expiresIn!: number;

  @ApiProperty({ description: 'Good for one refresh. One that comes back a second time ends the session.' })
  refreshToken!: string;

  @ApiProperty()
  user!: UserView;

  static of(tokens: Readonly<{ accessToken: string; refreshToken: string }>, user: UserRow): SessionView {
    return {
      accessToken: tokens.accessToken,
      tokenType: 'Bearer',
      expiresIn: ACCESS_TOKEN_SECONDS,
      refreshToken: tokens.refreshToken,
      user: UserView.of(user),
    };
  }
}

export type SessionRow = Readonly<{
  id: string;
  created_at: Date;
  last_used_at: Date;
  expires_at: Date;
  ip: string;
  user_agent: string;
}>;

/** One of the user's sessions, for finding the one that should not be there. */
export class OpenSessionView {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  @ApiProperty({ format: 'date-time', description: 'Exact to a minute.' })
  lastUsedAt!: string;

  @ApiProperty({ format: 'date-time', description: 'When it ends if nobody refreshes it.' })
  expiresAt!: string;

  @ApiProperty({ description: 'From where it was started.' })
  ip!: string;

  @ApiProperty()
  userAgent!: string;

  @ApiProperty({ description: 'Whether it is the one that asks.' })
  current!: boolean;

  static of(row: SessionRow, currentId: string | null): OpenSessionView {
    return {
      id: row.id,
      createdAt: row.created_at.toISOString(),
      lastUsedAt: row.last_used_at.toISOString(),
      expiresAt: row.expires_at.toISOString(),
      ip: row.ip,
      userAgent: row.user_agent,
      current: row.id === currentId,
    };
  }
}
