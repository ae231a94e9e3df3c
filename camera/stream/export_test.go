package stream

// ParametersOf is fuzzed.
var ParametersOf = parametersOf
