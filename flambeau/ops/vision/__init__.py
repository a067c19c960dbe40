"""Operations of detectors: boxes that overlap, and what images hold inside boxes; torchvision's package calls them."""
