import { Module } from '@nestjs/common';
import { Credentials } from './credentials.js';
import { RouteHealthRepository } from './route-health.repository.js';
import { RouteTrouble } from './route-trouble.js';
import { SyncProbe } from './sync-probe.js';
import { WarmthRepository } from './warmth.repository.js';

const parts = [Credentials, RouteHealthRepository, RouteTrouble, SyncProbe, WarmthRepository];

/** How routes and endpoints are now, and what opens them: the same for jobs and for the synchronous gateway. */
@Module({ providers: parts, exports: parts })
export class UpstreamsModule {}
