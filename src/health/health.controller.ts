import { Controller, Get, Head } from '@nestjs/common';
import { ApiExcludeEndpoint, ApiProperty, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Answers } from '../access/answer.js';
import { ErrorView } from '../access/error-view.js';
import { Public } from '../access/route-policy.js';
import { Readiness } from './readiness.js';

export class HealthView {
  @ApiProperty({ enum: ['ok'] })
  status!: 'ok';
}

/** For whoever watches the process: is it alive, and may it be sent requests. */
@ApiTags('Service')
@Controller()
export class HealthController {
  constructor(private readonly readiness: Readiness) {}

  @Get('healthz')
  @Public('service.health', 'Whether the process is alive.')
  @Answers(200, HealthView, 'It is.')
  health(): HealthView {
    return { status: 'ok' };
  }

  @Head('healthz')
  @ApiExcludeEndpoint()
  @Public('service.health-head', 'Whether the process is alive.')
  healthHead(): void {
    return;
  }

  @Get('readyz')
  @Public('service.ready', 'Whether the database, its tables and the key provider can be used.')
  @Answers(200, HealthView, 'They can.')
  @ApiResponse({ status: 503, description: 'One of them cannot: details name which.', type: ErrorView })
  async ready(): Promise<HealthView> {
    await this.readiness.check();
    return { status: 'ok' };
  }

  @Head('readyz')
  @ApiExcludeEndpoint()
  @Public('service.ready-head', 'Whether the service can be used.')
  async readyHead(): Promise<void> {
    await this.readiness.check();
  }
}
