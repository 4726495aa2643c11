/** What cannot be done, in one sentence for the user; any other error is a mistake of the page. */
export class Refusal extends Error {}
