import { Controller, Get, Inject, Injectable, type INestApplication } from '@nestjs/common';
import { ApiExcludeController, DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { ErrorView } from '../access/error-view.js';
import { Public } from '../access/route-policy.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/token.js';
import { Unexpected } from '../errors/errors.js';
import { completed } from './openapi-common.js';

/** The OpenAPI 3.1 document of the running application, made once out of its own routes. */
@Injectable()
export class OpenApi {
  private app: INestApplication | undefined;
  private made: OpenAPIObject | undefined;

  constructor(@Inject(CONFIG) private readonly config: Config) {}

  /** The application describes itself, so it is handed over when it exists. */
  describe(app: INestApplication): void {
    this.app = app;
  }

  get document(): OpenAPIObject {
    this.made ??= this.make();
    return this.made;
  }

  private make(): OpenAPIObject {
    if (this.app === undefined)
      throw new Unexpected('the OpenAPI document was asked for before the application was made');
    const about = new DocumentBuilder()
      .setTitle('Coffer')
      .setDescription(
        'A multi-tenant secrets service: declare, set, read, with an audit trail that cannot be altered unnoticed.',
      )
      .setVersion('0.1.0')
      .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
      .addServer(this.config.publicUrl ?? '/')
      .addBearerAuth({
        type: 'http',
        scheme: 'bearer',
        description: 'A session, a personal access token or a service token.',
      })
      .addApiKey(
        {
          type: 'apiKey',
          in: 'header',
          name: 'Coder-Session-Token',
          description: 'At door 1 to personal secrets.',
        },
        'coder-session-token',
      )
      .addApiKey(
        { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'At door 2 to personal secrets.' },
        'x-api-key',
      )
      .setOpenAPIVersion('3.1.0')
      .build();
    return completed(SwaggerModule.createDocument(this.app, about, { extraModels: [ErrorView] }));
  }
}

@ApiExcludeController()
@Controller()
export class OpenApiController {
  constructor(private readonly openApi: OpenApi) {}

  @Get('openapi.json')
  @Public('service.openapi', 'This document.')
  document(): OpenAPIObject {
    return this.openApi.document;
  }
}
