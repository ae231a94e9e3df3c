// Package custodian is a device of one of the two bodies, on a machine that is never
// online. It keeps the body's epoch keys, checks a request by itself before any key is
// used, answers it with the body's shares resealed to the case, audits shares, and
// destroys keys that are due (formats/token.md).
package custodian
