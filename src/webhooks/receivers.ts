import { Injectable } from '@nestjs/common';
import { EndpointHealth } from './endpoint-health.js';
import { SigningSecrets } from './signing-secrets.js';
import { Turns } from './turns.js';

/** What a delivery needs to know of where it goes. */
@Injectable()
export class Receivers {
  constructor(
    readonly turns: Turns,
    readonly secrets: SigningSecrets,
    readonly health: EndpointHealth,
  ) {}
}
