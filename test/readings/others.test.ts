import { testReadings } from './suite.ts';

testReadings([
  { operation: 'delete', choices: [{}, { both: true }] },
  { operation: 'delete-all', choices: [{}, { both: true }] },
  { operation: 'update', choices: [{}] },
  { operation: 'check', choices: [{ type: 'both' }, { type: 'single' }] },
  { operation: 'get', choices: [{}] },
  { operation: 'get-list', choices: [{}] },
  { operation: 'accounts-check', choices: [{}] },
]);
