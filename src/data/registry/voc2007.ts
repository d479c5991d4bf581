/** PASCAL VOC 2007 classification: 20 questions to every image, each with a list of 1, 0 (difficult) and -1 per part. */
import { firstClass, readVocImageSets } from '../readers/voc-lists.ts';
import { officialDataset } from './entry.ts';
import { locate, matchLists } from './lists.ts';

export const voc2007 = officialDataset({
  name: 'voc2007',
  title: 'PASCAL VOC 2007 classification',
  reference: 'Everingham et al., The PASCAL visual object classes (VOC) challenge, 2010',
  task: 'multi-label',
  metric: 'meanAveragePrecision',
  classes: 20,
  images: { train: 2501, validation: 2510, test: 4952 },
  md5: {
    'VOCtrainval_06-Nov-2007.tar': 'c52e279531787c972589f7e41ab4ae64',
    'VOCtest_06-Nov-2007.tar': 'b6e924de25625d8de591ea690078ad9f',
  },
  form: 'VOCdevkit/VOC2007/ with JPEGImages/NUMBER.jpg and ImageSets/Main/CLASS_train.txt, _val and _test (the archives of trainval and test together)',
  async read(tree, _, titled) {
    const markers = ['ImageSets/Main/train.txt', 'ImageSets/Main/val.txt', 'ImageSets/Main/test.txt'];
    const root = locate(tree, markers, ['VOC2007', 'VOCdevkit/VOC2007'], titled);
    const { classes, images } = await readVocImageSets(root, 'lists');
    const entries = images.map(({ id, labels, part }) => ({
      path: `JPEGImages/${id}.jpg`,
      label: firstClass(labels),
      labels,
      part,
    }));
    return matchLists(root, classes, entries, 'JPEGImages/');
  },
});
