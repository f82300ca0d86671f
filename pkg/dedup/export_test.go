package dedup

// SetPipelines is what a benchmark compares.
func (c *Claimer) SetPipelines(size, atOnce int) { c.pipelineSize, c.maxPipelines = size, atOnce }
