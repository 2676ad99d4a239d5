import { ApiProperty } from '@nestjs/swagger';

/** A user as the database has it, without the hash of the password. */
export type UserRow = Readonly<{ id: string; username: string; email: string; created_at: Date }>;

/** The columns of a `UserRow`, of the table `users u`. */
export const USER_COLUMNS = 'u.id, u.username, u.email, u.created_at';

/** What users see of themselves. */
export class UserView {
  @ApiProperty({ format: 'uuid' })
  id!: string;

  @ApiProperty({ example: 'maria' })
  username!: string;

  @ApiProperty({ format: 'email', example: 'maria@example.com' })
  email!: string;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  static of(row: UserRow): UserView {
    return { id: row.id, username: row.username, email: row.email, createdAt: row.created_at.toISOString() };
  }
}

/** What a service token learns of itself. */
export class ServiceIdentity {
  @ApiProperty({ example: 'deploy' })
  name!: string;

  @ApiProperty({ example: 'consumer' })
  role!: string;

  @ApiProperty({ description: '`org/project` or `org/project/environment`.', example: 'acme/web/prod' })
  scope!: string;
}

export class ServiceIdentityView {
  @ApiProperty()
  token!: ServiceIdentity;
}
