import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { ENVIRONMENT_NAME, environmentNameProblem, SLUG, slugProblem } from '../access/slug.js';
import { MayBeLeftOut, TextRule } from '../access/text-rules.js';
import { orgSlugProblem, titleProblem } from './slug.js';

export class OrgBody {
  @ApiProperty({
    pattern: SLUG.source,
    example: 'acme',
    description: 'Stands first in every path. It never changes.',
  })
  @TextRule('orgSlug', orgSlugProblem)
  slug!: string;

  @ApiPropertyOptional({
    minLength: 1,
    maxLength: 200,
    example: 'Acme Corporation',
    description: 'For people; the slug when left out.',
  })
  @MayBeLeftOut()
  @TextRule('title', titleProblem)
  name?: string;
}

export class ProjectBody {
  @ApiProperty({ pattern: SLUG.source, example: 'web', description: 'It never changes.' })
  @TextRule('slug', slugProblem)
  slug!: string;

  @ApiPropertyOptional({
    minLength: 1,
    maxLength: 200,
    example: 'The web shop',
    description: 'For people; the slug when left out.',
  })
  @MayBeLeftOut()
  @TextRule('title', titleProblem)
  name?: string;
}

/** A new name for people of an organisation or a project. */
export class RenameBody {
  @ApiProperty({ minLength: 1, maxLength: 200, example: 'Acme Corporation' })
  @TextRule('title', titleProblem)
  name!: string;
}

export class EnvironmentBody {
  @ApiProperty({ pattern: ENVIRONMENT_NAME.source, example: 'prod', description: 'It never changes.' })
  @TextRule('environmentName', environmentNameProblem)
  name!: string;
}

/** Whether a deletion takes along what is still inside. */
export class ForceQuery {
  @ApiPropertyOptional({ enum: ['true', 'false'], description: 'Delete it with everything that is in it.' })
  @MayBeLeftOut()
  @IsIn(['true', 'false'], { message: 'must be true or false' })
  force?: 'true' | 'false';
}
