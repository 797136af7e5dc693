import { Injectable } from '@nestjs/common';
import { Catalog } from '../../catalog/catalog.service.js';
import { isJobRoute, type RouteBase } from '../../catalog/schema.js';
import { notFound } from '../../common/errors.js';
import { Admission } from '../admission/admission.js';
import { RouteHealthRepository, type RouteState } from '../../upstreams/route-health.repository.js';
import { WarmthRepository } from '../../upstreams/warmth.repository.js';
import { STATE_ACTIONS, type StateAction } from './bodies.js';
import { CapacityRepository, type LaneLoad } from './capacity.repository.js';

export interface LaneView {
  id: string;
  object: 'lane';
  state: LaneLoad['state'];
  capacity: number;
  open_attempts: number;
  waiting_jobs: number;
  oldest_waiting_seconds: number | null;
  /** Draining, and nothing is left on it. */
  drained: boolean;
}

export interface RouteView {
  id: string;
  object: 'route';
  model: string;
  provider: string;
  upstream_model: string;
  /** Null: a route of the synchronous gateway, which has none. */
  lane: string | null;
  endpoints: string[];
  state: string;
  reason: string | null;
  cooldown_until: string | null;
  /** `refused`: the provider did not take it; `missing`: it is not configured here; `none`: the endpoint asks for none. */
  credential: { name: string | null; state: 'ok' | 'refused' | 'missing' | 'none' };
  open_attempts: number;
  drained: boolean;
  retires_on: string | null;
  /** Of an endpoint that sleeps when idle; null where it never does. */
  warm: boolean | null;
  sandbox: boolean;
  /** Why this process can't use it at all. */
  disabled: string | null;
}

/** What ops may stop and start: lanes and routes. Rows, so that every replica obeys. */
@Injectable()
export class Capacity {
  constructor(
    private readonly rows: CapacityRepository,
    private readonly health: RouteHealthRepository,
    private readonly warmth: WarmthRepository,
    private readonly catalog: Catalog,
    private readonly admission: Admission,
  ) {}

  async lanes(): Promise<LaneView[]> {
    return (await this.rows.lanes()).map(laneView);
  }

  /** Paused and draining lanes admit nothing; what is on them goes on. */
  async changeLane(id: string, action: StateAction): Promise<LaneView> {
    if (!(await this.rows.setLaneState(id, STATE_ACTIONS[action]))) throw notFound('lane', id.slice(0, 64));
    if (action === 'resume') this.admission.nudge(id);
    const lane = (await this.lanes()).find((one) => one.id === id);
    if (!lane) throw notFound('lane', id.slice(0, 64));
    return lane;
  }

  async routes(): Promise<RouteView[]> {
    const all = this.catalog.routes();
    const [states, open, cold] = await Promise.all([
      this.health.all(),
      this.rows.openByRoute(),
      this.warmth.coldRoutes(all),
    ]);
    return all.map((route) => ({
      ...routeView(route, states.get(route.id), open.get(route.id) ?? 0),
      warm: route.scaleToZero ? !cold.has(route.id) : null,
    }));
  }

  /** A stopped route takes no new work; waiting jobs move to the next route of their plan, where they have one. */
  async changeRoute(id: string, action: StateAction, reason: string | null): Promise<RouteView> {
    const route = this.catalog.route(id);
    if (!route) throw notFound('route', id.slice(0, 200));
    await this.health.setState(id, STATE_ACTIONS[action], action === 'resume' ? null : reason);
    if (action === 'resume' && isJobRoute(route)) this.admission.nudge(route.lane);
    const view = (await this.routes()).find((one) => one.id === id);
    if (!view) throw notFound('route', id.slice(0, 200));
    return view;
  }
}

function laneView(lane: LaneLoad): LaneView {
  return {
    id: lane.id,
    object: 'lane',
    state: lane.state,
    capacity: lane.capacity,
    open_attempts: lane.open,
    waiting_jobs: lane.waiting,
    oldest_waiting_seconds: lane.oldestWaitingSeconds === null ? null : Math.round(lane.oldestWaitingSeconds),
    drained: lane.state === 'draining' && lane.open === 0,
  };
}

function routeView(route: RouteBase, state: RouteState | undefined, open: number): Omit<RouteView, 'warm'> {
  return {
    id: route.id,
    object: 'route',
    model: route.id.slice(0, route.id.lastIndexOf('/')),
    provider: route.provider,
    upstream_model: route.model,
    lane: isJobRoute(route) ? route.lane : null,
    endpoints: route.endpoints,
    state: state?.state ?? 'open',
    reason: state?.reason ?? null,
    cooldown_until: state?.cooldownUntil?.toISOString() ?? null,
    credential: { name: route.credential, state: credentialState(route, state) },
    open_attempts: open,
    drained: state?.state === 'draining' && open === 0,
    retires_on: route.retiresOn,
    sandbox: route.sandbox,
    disabled: route.disabled,
  };
}

function credentialState(route: RouteBase, state: RouteState | undefined): RouteView['credential']['state'] {
  if (state?.state === 'unauthorized') return 'refused';
  if (route.disabled?.includes('credential')) return 'missing';
  return route.credential === null ? 'none' : 'ok';
}
