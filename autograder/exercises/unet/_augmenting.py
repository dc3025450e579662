"""How students get a paired augmentation wrong, and what the report says of it."""

from __future__ import annotations

from autograder.exercises.unet import _augmenters as made
from autograder.spec import Wrong

MISTAKES = (
    Wrong(
        "gives masks of floats",
        made.MasksOfFloats,
        "the labels are right, but they come back as floats.",
        "masks keep their dtype; losses index with them.",
    ),
    Wrong("leaves the mask", made.MaskStays, "images change and masks stay as they were.", "every move is for both."),
    Wrong(
        "turns the image alone",
        made.MaskFlipsNot,
        "flip_rotate is used on the image and not on its mask.",
        "every move is for both.",
    ),
    Wrong(
        "draws twice",
        made.DrawsTwice,
        "image and mask of a call come from two different draws: each is fine, together they are nonsense.",
        "draw once, hand the result to apply.",
    ),
    Wrong(
        "draws for another size",
        made.SizeTurned,
        "a call hands width and height to draw in the wrong order, so that shifts go too far on one axis.",
        "size is (H, W), images.shape ends with these two.",
    ),
    Wrong(
        "moves before it turns",
        made.MovesFirst,
        "affine_pair comes before flip_rotate.",
        "the order: flip_rotate, affine_pair, elastic_deform, colour.",
    ),
    Wrong(
        "bends before it moves",
        made.BendsFirst,
        "elastic_deform comes before affine_pair.",
        "the order: flip_rotate, affine_pair, elastic_deform, colour.",
    ),
    Wrong("never bends", made.NeverBends, "elastic_deform isn't used.", "it is left out only if bend is 0."),
    Wrong(
        "bends although bend is 0",
        made.BendsAlways,
        "the arrows are used although bend is 0.",
        "elastic_deform is left out if bend is 0: it costs time and blurs.",
    ),
    Wrong(
        "bends twice as far",
        made.BendsTwiceAsFar,
        "the arrows are multiplied by bend in draw, and once more in apply.",
        "what was drawn is used as it is.",
    ),
    Wrong(
        "bends without `outside`",
        made.BendsMirrored,
        "what elastic_deform fetches from beyond the border is always mirrored, whatever `outside` says.",
        "hand self.outside to both.",
    ),
    Wrong(
        "forgets what is outside",
        made.OutsideForgotten,
        "beyond the border there are zeros, whatever `outside` says.",
        "hand self.outside to both.",
    ),
    Wrong(
        "never colours", made.NeverColours, "colour_jitter isn't used.", "for the image, last; colour is its strength."
    ),
    Wrong(
        "has its own strength of colour",
        made.ColoursLittle,
        "colours change by another strength than `colour`.",
        "the same strength for each of colour_jitter's three.",
    ),
    Wrong(
        "colours first",
        made.ColoursFirst,
        "colours change before the image moves: contrast then knows nothing of what comes in from beyond the border.",
        "the order: flip_rotate, affine_pair, elastic_deform, colour.",
    ),
    Wrong(
        "colours every batch alike",
        made.OneColourSeed,
        'drawn["colour"] is never used: the same factors come in every batch.',
        "it is colour_jitter's seed.",
    ),
    Wrong(
        "only brightens",
        made.OnlyBrightens,
        "brightness changes; contrast and saturation stay.",
        "the same strength for each of colour_jitter's three.",
    ),
    Wrong(
        "gives grey images three channels",
        made.ThreeGreys,
        "a grey image comes back with three channels.",
        "as many channels as came in.",
    ),
    Wrong(
        "draws once for the batch",
        made.OneForAll,
        "all images of a batch get the same moves.",
        "count numbers of everything but the colour's seed.",
    ),
    Wrong(
        "draws zooms evenly",
        made.UniformZoom,
        "zooms are uniform between 1/zoom and zoom: most images get larger.",
        "their logarithm is uniform.",
    ),
    Wrong(
        "draws zooms around 1",
        made.ZoomsAroundOne,
        "zooms are uniform between 2 − zoom and zoom; for a zoom of 2, the smallest would be 0.",
        "between 1/zoom and zoom, and their logarithm is uniform.",
    ),
    Wrong("only enlarges", made.OnlyEnlarges, "no zoom is below 1.", "between 1/zoom and zoom."),
    Wrong("turns to one side", made.OneSide, "no angle is below 0.", "between −degrees and degrees."),
    Wrong(
        "draws angles in radians",
        made.Radians,
        "angles are in radians; affine_pair wants degrees.",
        "between −degrees and degrees.",
    ),
    Wrong(
        "gives shifts as shares",
        made.SharesForPixels,
        "shifts are shares of the picture; affine_pair wants pixels.",
        "shift · H and shift · W.",
    ),
    Wrong(
        "measures both shifts by the height",
        made.HeightForBoth,
        "the shift to the right goes up to shift · H.",
        "each axis has its own size.",
    ),
    Wrong(
        "uses one draw for both shifts",
        made.OneDrawForTwo,
        "pictures move along one diagonal only: down and right come from the same random number.",
        "two numbers.",
    ),
    Wrong("never mirrors", made.NeverMirrors, "numbers 4 to 7 never come.", "all eight are as likely."),
    Wrong(
        "turns any shape",
        made.TurnsAnyShape,
        "images that aren't square get quarter turns, after which they no longer fit into one batch.",
        "0, 2, 4 and 6 keep the shape.",
    ),
    Wrong(
        "turns although turns is False",
        made.TurnsAnyway,
        "images are turned and mirrored although `turns` is False.",
        "zeros if turns is False.",
    ),
    Wrong(
        "draws arrows evenly",
        made.EvenArrows,
        "arrows are uniform between −bend and bend; bend is the standard deviation of normal ones.",
        "torch.randn, not torch.rand.",
    ),
    Wrong(
        "forgets bend",
        made.StrengthlessArrows,
        "arrows have a standard deviation of 1, whatever bend says.",
        "bend · torch.randn.",
    ),
    Wrong(
        "asks torch's own chance",
        made.GlobalChance,
        "numbers come from torch's global generator; the one that was handed over is never asked.",
        "generator=generator in every draw.",
    ),
)
