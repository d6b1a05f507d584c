/** What a process does for jobs: put chunks into the queues, call, write outcomes to their files. */
export type Role = 'feed' | 'call' | 'record';
export const ROLES: readonly Role[] = ['feed', 'call', 'record'];
