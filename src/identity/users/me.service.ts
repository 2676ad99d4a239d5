import { Injectable } from '@nestjs/common';
import type { Access } from '../../access/access.js';
import { Database } from '../../database/database.js';
import { findUser } from './accounts.js';
import { UserView, type ServiceIdentityView } from './user.view.js';

/** Who the credential belongs to. */
@Injectable()
export class MeService {
  constructor(private readonly database: Database) {}

  async read({ caller }: Access<'caller'>): Promise<UserView | ServiceIdentityView> {
    if (caller.kind === 'user') {
      return UserView.of(await this.database.shared((tx) => findUser(tx, caller.user.id)));
    }
    const { name, role, projectSlug, environmentName } = caller.token;
    const scope = [caller.org.slug, projectSlug, environmentName].filter((part) => part !== null).join('/');
    return { token: { name, role, scope } };
  }
}
