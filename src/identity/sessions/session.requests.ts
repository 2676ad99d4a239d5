import { ApiProperty } from '@nestjs/swagger';
import { IsString } from 'class-validator';

/** A wrong password of whatever form is a wrong password: no rule tells more. */
export class LoginBody {
  @ApiProperty({ description: 'Username or e-mail address.', example: 'maria' })
  @IsString()
  login!: string;

  @ApiProperty({ format: 'password' })
  @IsString()
  password!: string;
}

export class RefreshBody {
  @ApiProperty()
  @IsString()
  refreshToken!: string;
}
