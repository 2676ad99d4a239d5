import { CofferError } from '../errors/errors.js';

/** A field that must be unique among the user's secrets. */
export type UniqueField = 'name' | 'env_name' | 'file_path';

/** Another secret of the same user has that name, variable or path already. */
export class InUse extends CofferError {
  constructor(readonly field: UniqueField) {
    super('already_exists', 'Another secret of yours has this already.');
  }
}

/** The store would hold more than it may. */
export class StoreFull extends CofferError {
  constructor(message: string) {
    super('invalid_request', message);
  }
}
