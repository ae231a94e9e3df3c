// Package service holds what a municipal service and the rest of Polity say to each
// other: what a service is given, and the decisions by which alone it acts.
package service
