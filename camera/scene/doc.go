// Package scene learns the place that a camera looks at, without the people.
package scene
