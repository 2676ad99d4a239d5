import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Access } from '../access/access.js';
import { Answers } from '../access/answer.js';
import { Proof, Requires } from '../access/route-policy.js';
import { ExposureService } from './exposure.service.js';
import { ExposureQuery, ExposureView } from './exposure.view.js';

@ApiTags('Audit')
@Controller('orgs/:o/exposure')
export class ExposureController {
  constructor(private readonly exposure: ExposureService) {}

  @Get()
  @Requires('audit:read', 'audit.exposure', 'Which present values were read, and by whom: what to set anew.')
  @Answers(200, [ExposureView], 'The secrets whose present value somebody has read.')
  list(@Proof() access: Access<'audit:read'>, @Query() query: ExposureQuery): Promise<ExposureView[]> {
    return this.exposure.list(access, query);
  }
}
