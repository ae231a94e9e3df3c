// Package service holds what a municipal service and the rest of Polity say to each
// other. So far that is the decision: a service acts by nothing else.
package service
