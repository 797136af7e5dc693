import { Injectable } from '@nestjs/common';
import { JobCancel } from './cancel.js';
import { JobCreation } from './create.js';
import { PriceTokens } from './price-token.js';
import { JobRemoval } from './remove.js';
import { JobReplay } from './replay.js';
import { JobRequests } from './request.js';

/** Everything a client can have done to a job. */
@Injectable()
export class JobCommands {
  constructor(
    readonly requests: JobRequests,
    readonly quotes: PriceTokens,
    readonly create: JobCreation,
    readonly cancel: JobCancel,
    readonly replay: JobReplay,
    readonly removal: JobRemoval,
  ) {}
}
