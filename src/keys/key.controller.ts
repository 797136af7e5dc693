import { Controller, Get, UseGuards } from '@nestjs/common';
import type { AuthKey } from './auth-key.js';
import { CurrentKey, KeyGuard } from './key.guard.js';
import { type OwnKeyView, ownKeyView } from './key-view.js';

/** What a client can ask about the key it calls with. */
@Controller('v1/key')
@UseGuards(KeyGuard)
export class OwnKeyController {
  @Get()
  get(@CurrentKey() key: AuthKey): OwnKeyView {
    return ownKeyView(key);
  }
}
